"""The pages of the portal: one file is one page.

Each has a Flask `blueprint` with the file's name and, if it stands in the menu, a literal
`NAVIGATION = {"title", "path", "icon", "order", "owner"}`; `owner` says that only owners see it. The guard lets only people who are
logged in through to a page; a page for owners says so by `owner_only`.
"""
