ALTER TABLE apps ADD COLUMN last_snapshot INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
UPDATE apps SET last_snapshot = coalesce((SELECT max(number) FROM snapshots WHERE snapshots.app = apps.name), 0);
