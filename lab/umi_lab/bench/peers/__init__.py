"""Programs for other Pythons: peers that umi is measured beside. They import nothing of umi.

Each reads one JSON object a line from standard input and answers each with one; the first line that it writes says
that it is ready.
"""
