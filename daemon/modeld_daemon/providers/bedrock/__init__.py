"""Amazon Bedrock by Converse and ConverseStream."""
