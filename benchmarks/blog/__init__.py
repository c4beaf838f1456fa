"""The figure of the post "TinyML - How TVM is Taming Tiny" with today's µTVM."""
