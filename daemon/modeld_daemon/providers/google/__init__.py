"""The dialect of Google's `generateContent`: the Gemini API and Vertex AI.

https://ai.google.dev/api/generate-content
"""
