"""What is stored or streamed beside the API: uploads, slugs, outputs, logs."""
