"""OpenAI itself: one provider that speaks both of its APIs and chooses for each call."""
