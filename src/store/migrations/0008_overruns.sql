CREATE TABLE overruns (
  id INTEGER PRIMARY KEY NOT NULL,
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  times INTEGER NOT NULL
);
--> statement-breakpoint
CREATE INDEX overruns_app ON overruns (app);
