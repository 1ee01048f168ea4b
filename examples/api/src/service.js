'use strict';

const http = require('node:http');

/** An answer that is the caller's fault: its status and message are shown to them. */
class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function send(response, status, body) {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

/**
 * An HTTP server for GET routes, `{ '/path': async (url) => body }`.
 * A `RequestError` reaches the caller; any other error is logged and the caller only learns that something failed.
 */
function createService(routes, log = console) {
  return http.createServer(async (request, response) => {
    try {
      const url = new URL(request.url, 'http://localhost');
      const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
      if (!route) throw new RequestError(404, `nothing is at ${url.pathname}`);
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new RequestError(405, 'only GET is understood');
      send(response, 200, await route(url));
    } catch (error) {
      if (error instanceof RequestError) {
        send(response, error.status, { error: error.message });
      } else {
        log.error(`${request.method} ${request.url}: ${error.stack ?? error}`);
        send(response, 500, { error: 'something failed here; the log has the details' });
      }
    }
  });
}

/** Listens until SIGTERM or SIGINT; then finishes the open requests, runs `onStop`, and the process ends. */
function run(name, server, port, onStop = async () => {}) {
  server.on('error', (error) => {
    console.error(`${name}: cannot listen on port ${port}: ${error.code ?? error.message}`);
    process.exit(1);
  });
  server.listen(port, () => console.log(`${name}: listening on port ${port}`));
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      console.log(`${name}: ${signal}, stopping`);
      server.close(async () => {
        await onStop();
        process.exit(0);
      });
      server.closeIdleConnections();
    });
  }
}

/** Runs `main`; a setting that is missing ends the program with one clear line instead of a stack. */
function start(name, SettingsError, main) {
  try {
    main();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(`${name}: ${error.message}`);
    process.exit(2);
  }
}

module.exports = { RequestError, createService, run, start };
