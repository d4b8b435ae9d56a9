"""The words of several languages by which sessions decide: a file a concern (`umi_edge.values.word_lists`)."""
