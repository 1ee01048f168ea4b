-- The doors of a machine: which port, and what stands behind it.
-- Running this again changes nothing.
CREATE TABLE IF NOT EXISTS doors (
  port    SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
  name    VARCHAR(32)       NOT NULL,
  purpose VARCHAR(255)      NOT NULL
) CHARACTER SET utf8mb4;

INSERT IGNORE INTO doors (port, name, purpose) VALUES
  (22,   'ssh',   'a shell, for whoever holds the private key'),
  (80,   'http',  'web pages that anyone on the way can read'),
  (443,  'https', 'web pages that only the two ends can read'),
  (3004, 'clock', 'the time, from a second service on the same address'),
  (3005, 'api',   'these rows, straight from the program that reads them');
