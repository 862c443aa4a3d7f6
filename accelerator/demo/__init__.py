"""The whole story on the local platform, with a real repository and real builds."""
