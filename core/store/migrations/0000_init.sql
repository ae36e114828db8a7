CREATE TABLE `deliveries` (
	`job_id` text NOT NULL,
	`delivery_id` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deliveries_once` ON `deliveries` (`job_id`,`delivery_id`);--> statement-breakpoint
CREATE TABLE `job_events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`job_id` text NOT NULL,
	`at` integer NOT NULL,
	`level` text NOT NULL,
	`message` text NOT NULL,
	`step` text,
	`source` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `job_events_job` ON `job_events` (`job_id`,`seq`);--> statement-breakpoint
CREATE TABLE `job_evidence` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`job_id` text NOT NULL,
	`at` integer NOT NULL,
	`level` text NOT NULL,
	`detail` text NOT NULL,
	`slot` text,
	`region` text,
	`bytes` integer,
	`percent` integer,
	`reader` text
);
--> statement-breakpoint
CREATE INDEX `job_evidence_job` ON `job_evidence` (`job_id`,`seq`);--> statement-breakpoint
CREATE TABLE `jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`machine_id` text NOT NULL,
	`serial` text NOT NULL,
	`status` text NOT NULL,
	`result` text,
	`failed_step` text,
	`failed_code` text,
	`failed_reason` text,
	`retry_of` text,
	`cleanup` text,
	`task_target` text NOT NULL,
	`sealed_recipe` text NOT NULL,
	`sealed_submitted` text NOT NULL,
	`take_over` integer NOT NULL,
	`created_by` text NOT NULL,
	`idempotency_key` text,
	`request_digest` text,
	`sealed_token` text NOT NULL,
	`token_digest` text NOT NULL,
	`sealed_media_token` text NOT NULL,
	`media_token_digest` text NOT NULL,
	`media_valid` integer NOT NULL,
	`sealed_booted_token` text NOT NULL,
	`booted_token_digest` text NOT NULL,
	`media_plan` text,
	`media_plan_reason` text,
	`media` text NOT NULL,
	`bytes_read` text NOT NULL,
	`progress` text,
	`launches` integer NOT NULL,
	`expects_claim` integer NOT NULL,
	`power_on_begun_at` integer,
	`powered_on_at` integer,
	`first_read_at` integer,
	`last_fresh_read_at` integer,
	`claimed_at` integer,
	`claim` text,
	`heard_at` integer,
	`paused_ms` integer NOT NULL,
	`reported_at` integer,
	`settle_begun_at` integer,
	`cleanup_attempts` integer NOT NULL,
	`booted_at` integer,
	`completed_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`next_check_at` integer,
	`lease_owner` text,
	`lease_until` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_active` ON `jobs` (`machine_id`) WHERE status <> 'complete';--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_idempotency` ON `jobs` (`idempotency_key`) WHERE idempotency_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_media_token` ON `jobs` (`media_token_digest`);--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_booted_token` ON `jobs` (`booted_token_digest`);--> statement-breakpoint
CREATE INDEX `jobs_due` ON `jobs` (`next_check_at`) WHERE next_check_at is not null;--> statement-breakpoint
CREATE INDEX `jobs_created` ON `jobs` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_machine` ON `jobs` (`machine_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `journal` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`job_id` text NOT NULL,
	`launch` integer NOT NULL,
	`step` text NOT NULL,
	`begun_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	`code` text
);
--> statement-breakpoint
CREATE INDEX `journal_job` ON `journal` (`job_id`,`seq`);--> statement-breakpoint
CREATE TABLE `machine_aliases` (
	`machine_id` text NOT NULL,
	`alias` text NOT NULL,
	`source` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `machine_aliases_once` ON `machine_aliases` (`machine_id`,`alias`);--> statement-breakpoint
CREATE INDEX `machine_aliases_alias` ON `machine_aliases` (`alias`);--> statement-breakpoint
CREATE TABLE `machines` (
	`id` text PRIMARY KEY NOT NULL,
	`serial` text NOT NULL,
	`bmc_url` text NOT NULL,
	`system_uri` text NOT NULL,
	`username` text NOT NULL,
	`sealed_password` text NOT NULL,
	`tls` text NOT NULL,
	`media_base_url` text,
	`report_base_urls` text,
	`media_plan` text,
	`labels` text NOT NULL,
	`protected` integer NOT NULL,
	`inventory` text,
	`survey` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`lease_owner` text,
	`lease_until` integer
);
--> statement-breakpoint
CREATE INDEX `machines_serial` ON `machines` (`serial`);--> statement-breakpoint
CREATE UNIQUE INDEX `machines_bmc` ON `machines` (`bmc_url`,`system_uri`);--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `users` (
	`name` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`password_hash` text NOT NULL,
	`created_at` integer NOT NULL
);
