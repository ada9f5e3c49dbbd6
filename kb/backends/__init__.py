"""The only home of vendors' libraries: Chroma, LlamaIndex, torch, transformers, OpenAI-compatible servers."""
