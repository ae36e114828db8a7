CREATE TABLE `audit` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`principal` text,
	`role` text,
	`door` text,
	`method` text NOT NULL,
	`route` text NOT NULL,
	`job_id` text,
	`serial` text,
	`user_name` text,
	`status` integer NOT NULL,
	`code` text,
	`address` text NOT NULL,
	`request_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`);--> statement-breakpoint
CREATE INDEX `audit_job` ON `audit` (`job_id`);--> statement-breakpoint
CREATE INDEX `audit_serial` ON `audit` (`serial`);