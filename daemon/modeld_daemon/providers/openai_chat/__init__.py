"""The dialect of OpenAI's chat completions, which some twenty providers speak.

https://platform.openai.com/docs/api-reference/chat
"""
