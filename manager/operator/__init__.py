"""What an operator can see and do: one function a command, for the CLI and the page alike."""
