"""The gateway serves deployed sites by host name and content by CID, on an origin of its own."""
