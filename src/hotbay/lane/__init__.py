"""The data plane: requests for models, from socket to socket (design 1, 7.6 to 7.10)."""
