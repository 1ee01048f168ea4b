'use strict';

const { promisify } = require('node:util');

/** The doors in the database. Values travel as parameters, never as part of the SQL text. */
class Doors {
  constructor(pool) {
    this.pool = pool;
    this.query = promisify(pool.query).bind(pool);
  }

  static connect({ DB_HOST, DB_USER, DB_PASSWORD, DB_NAME }) {
    // Required here, so that the tests run where the driver is not installed.
    const mysql = require('mysql');
    return new Doors(
      mysql.createPool({
        host: DB_HOST,
        user: DB_USER,
        password: DB_PASSWORD,
        database: DB_NAME,
        charset: 'utf8mb4',
        connectionLimit: 10,
        connectTimeout: 5000,
      }),
    );
  }

  all() {
    return this.query('SELECT port, name, purpose FROM doors ORDER BY port');
  }

  byPort(port) {
    return this.query('SELECT port, name, purpose FROM doors WHERE port = ?', [port]);
  }

  async ping() {
    await this.query('SELECT 1');
  }

  close() {
    return promisify(this.pool.end).call(this.pool);
  }
}

module.exports = { Doors };
