"""The dialect of Mistral's chat completions.

https://docs.mistral.ai/api/endpoint/chat
"""
