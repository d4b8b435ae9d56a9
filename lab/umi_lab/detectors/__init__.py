"""How well the privacy detectors find what is private: a labelled corpus, and figures of it."""
