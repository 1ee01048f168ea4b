'use strict';

const { createService } = require('./service');

/** A second service, to show that one address can serve two: `GET /api/data` tells the time. */
function createClock(now = () => new Date(), log) {
  return createService(
    {
      '/api/data': async () => ({ service: 'clock', time: now().toISOString() }),
      '/health': async () => ({ service: 'clock', healthy: true }),
    },
    log,
  );
}

module.exports = { createClock };
