"""Who may ship what, and when: direction, locks, freezes and rejections."""
