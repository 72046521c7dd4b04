// Starts Swagger UI on our document.

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  // The token that somebody gave stays over a reload.
  persistAuthorization: true,
  tryItOutEnabled: true,
  // It would ask a server on the Internet.
  validatorUrl: null,
});
