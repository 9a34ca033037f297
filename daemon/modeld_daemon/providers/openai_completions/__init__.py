"""Text completions, OpenAI's API before chat: one prompt, without a template, is gone on with.

https://platform.openai.com/docs/api-reference/completions
"""
