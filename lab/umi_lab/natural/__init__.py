"""The natural set: requests as people write them, on homes as people have them, each with what is right for it.

Half of the requests is for development. The other half is held out: nothing is trained or tuned on it, nobody reads
it, and a play of it prints figures only. `request_file.split_of` says which half an id is in.
"""
