CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
--> statement-breakpoint
CREATE TABLE apps (
  name TEXT PRIMARY KEY NOT NULL,
  created_at INTEGER NOT NULL,
  settings TEXT NOT NULL,
  generation INTEGER NOT NULL,
  release INTEGER,
  snapshot INTEGER,
  deleted_at INTEGER
);
--> statement-breakpoint
CREATE TABLE releases (
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  image TEXT NOT NULL,
  spec TEXT NOT NULL,
  PRIMARY KEY (app, number)
);
--> statement-breakpoint
CREATE TABLE snapshots (
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  release INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  image TEXT NOT NULL,
  size INTEGER NOT NULL,
  layers INTEGER NOT NULL,
  PRIMARY KEY (app, number)
);
--> statement-breakpoint
CREATE TABLE env (
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (app, key)
);
--> statement-breakpoint
CREATE TABLE tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
--> statement-breakpoint
CREATE INDEX tokens_hash ON tokens (hash);
