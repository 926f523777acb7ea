"""The HTTP client and its errors: all that knows the vendor."""
