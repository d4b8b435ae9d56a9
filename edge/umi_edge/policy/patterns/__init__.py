"""Built-in patterns: kinds of private values that can be told by their form or by the words beside them."""
