CREATE TABLE `oci_notices` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`notice` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `oci_notices_id_unique` ON `oci_notices` (`id`);