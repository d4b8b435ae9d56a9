"""The `umi-cloud` commands, one module each, imported when they run."""
