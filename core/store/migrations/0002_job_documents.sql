CREATE TABLE `job_documents` (
	`job_id` text PRIMARY KEY NOT NULL,
	`sealed_recipe` text NOT NULL,
	`sealed_submitted` text NOT NULL,
	`images` text NOT NULL
);
--> statement-breakpoint
INSERT INTO `job_documents` (`job_id`, `sealed_recipe`, `sealed_submitted`, `images`)
	SELECT `id`, `sealed_recipe`, `sealed_submitted`, `media` FROM `jobs`;--> statement-breakpoint
UPDATE `jobs` SET `media` = (
	SELECT json_group_array(json_set(json_remove(each.value, '$.image'), '$.sizeBytes', json_extract(each.value, '$.image.sizeBytes')))
	FROM json_each(`jobs`.`media`) AS each
);--> statement-breakpoint
ALTER TABLE `jobs` DROP COLUMN `sealed_recipe`;--> statement-breakpoint
ALTER TABLE `jobs` DROP COLUMN `sealed_submitted`;
