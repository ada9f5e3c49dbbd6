"""The web UI over `kb` and `ingest`: what is shown (no Gradio) and the Gradio app that shows it."""
