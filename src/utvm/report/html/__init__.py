"""Reports as one self-contained web page."""

from utvm.report.html.page import page_text, write_page

__all__ = ["page_text", "write_page"]
