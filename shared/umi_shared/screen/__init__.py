"""What people see: the one way from umi's commands to standard output and standard error.

A server, a file, a model or a person far away chose many of the words that umi prints. On the way to a terminal each
character that would steer it, or show as nothing, becomes a visible sign; and a word of theirs can't begin a line of
its own. `tests/test_screen.py` holds every module of umi to this way.
"""
