"""The colours of a page, in light and in dark.

Text has a contrast of at least 4.5 on every ground it stands on, in both (WCAG 2.2, 1.4.3).
"""

COLORS = {
    "paper": ("#ffffff", "#12161b"),
    "ink": ("#1f2328", "#e6e9ec"),
    "muted": ("#59636e", "#a3adb8"),
    "link": ("#0b57a4", "#79b8ff"),
    "line": ("#d8dce0", "#363d45"),
    "grid": ("#e6e8eb", "#2b3138"),
    "rule": ("#b9c0c7", "#59636e"),
    "note": ("#fff8e6", "#2c2410"),
    "note-edge": ("#c98a00", "#c98a00"),
    "strong": ("#eaf5ec", "#17301f"),
    "cell": ("#000000", "#ffffff"),
    "on-badge": ("#ffffff", "#ffffff"),
    "better": ("#1a6b3c", "#1a6b3c"),
    "worse": ("#a8321f", "#a8321f"),
    "equivalent": ("#34587f", "#34587f"),
    "open": ("#7a5200", "#7a5200"),
}
"""By name, which ``var(--NAME)`` is in the style: the colour in light, and in dark."""

GROUNDS = {
    "ink": ("paper", "note", "strong"),
    "muted": ("paper", "strong"),
    "link": ("paper", "note"),
    "on-badge": ("better", "worse", "equivalent", "open"),
}
"""What text stands on. A cell of a confusion matrix has a ground of its own."""

INK, GRID = COLORS["ink"][0], COLORS["grid"][0]

GROUND = "rgba(255,255,255,1)"
"""The paper below a text in a figure; #ffffff is that of marks."""

IN_DARK = {
    **{light: dark for light, dark in COLORS.values() if light != dark},
    "#ffffff": "#ffffff",  # of marks; a page's paper shows through a figure
    "#000000": "#ffffff",
    "#111111": "#f4f5f6",
    "#555": "#98a1aa",
    "#6e7781": "#98a1aa",
    "#8a5a00": "#e0a84a",
    "#0072b2": "#4aa3df",
    "#2f6fb3": "#5c9fe0",
    "#a84a00": "#f08a3c",
    "#f3e3b3": "#4a3f1c",
    GROUND: "rgba(18,22,27,1)",
    "rgba(255,255,255,0.8)": "rgba(18,22,27,0.8)",
}
"""What a figure is drawn with in dark, by what it says; other colours are the same in both."""
