"""The compiled tier on a CPU: a traced graph as C++ whose vector lanes are the chains."""
