"""Tools: what they are (`tool`), which there are (`catalogue`), and how one runs (`runner`)."""
