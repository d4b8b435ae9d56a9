"""The closed loop: whole sessions with real models, judged by what became of the home and by the answer."""
