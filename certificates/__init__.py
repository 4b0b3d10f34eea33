"""The donor's papers: receipt and certificate as PDF, with the proof inside."""
