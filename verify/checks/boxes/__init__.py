"""Certificates: a proved bound on |network - algorithm| for every input of a stated box."""
