"""What answers HTTP: the Token limits tab, and the forms that change limits."""
