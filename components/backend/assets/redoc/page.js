// Starts ReDoc on our document, with the fonts that the system has.

const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const theme = { typography: { fontFamily: fonts, headings: { fontFamily: fonts } } };
Redoc.init(
  "/openapi.json",
  { theme, hideDownloadButton: false, nativeScrollbars: true },
  document.getElementById("redoc"),
);
