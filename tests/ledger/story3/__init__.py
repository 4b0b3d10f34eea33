"""The third golden book, told by family."""
