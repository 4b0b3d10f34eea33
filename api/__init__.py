"""The doors: the web API and the command line. They say what people meet, in Vietnamese first."""
