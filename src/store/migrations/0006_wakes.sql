CREATE TABLE wakes (
  id INTEGER PRIMARY KEY NOT NULL,
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  ms REAL NOT NULL,
  parts TEXT NOT NULL
);
--> statement-breakpoint
CREATE INDEX wakes_app ON wakes (app);
