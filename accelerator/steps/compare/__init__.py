"""What is known, and what follows from it: facts, the pure decision, and the reads around it."""
