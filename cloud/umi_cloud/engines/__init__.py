"""Engines: what runs the models behind the planner and the summarizer.

    llamacpp   a GGUF in this process (the embedded default)
    vllm       vLLM's AsyncLLM in this process
    openai     any OpenAI-compatible endpoint: `vllm serve`, Ray Serve LLM, llama-server
    loading    the engine that a configuration asks for

Each module imports its library when an engine is made, so that none needs the others' libraries.
"""
