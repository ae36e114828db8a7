// SPDX-License-Identifier: AGPL-3.0-or-later
import { type OwnBootEntry, VIRTUAL_SECTOR } from './boot-catalog.ts'
import { jolietDialect, primaryDialect } from './dialect.ts'
import { isoFaults } from './faults.ts'
import { type DirectoryPlan, planHierarchy } from './hierarchy.ts'
import { pathTableRecord } from './path-table.ts'
import { FIRST_DESCRIPTOR, SECTOR, sectorsOf } from './sector.ts'
import { FIXED_TIME } from './time.ts'
import { buildTree, type IsoContent, type IsoDirectory, type IsoFile } from './tree.ts'

/** Images that firmware starts; the paths are those in the tree. */
export interface IsoBoot {
  /** Run by a PC BIOS without emulation. */
  readonly bios?: {
    readonly path: string
    /** Writes where the image stands into its bytes 8–63, as isolinux and GRUB want it. */
    readonly bootInfoTable?: boolean
    /** Sectors of 512 bytes that the BIOS loads, default 4 or what there is. */
    readonly loadSectors?: number
  }
  /** A FAT image with `\EFI\BOOT`. */
  readonly efi?: { readonly path: string }
}

export interface IsoOptions {
  /** 1–32 characters of printable ASCII; Joliet shows the first 16. */
  readonly volumeId: string
  readonly tree: ReadonlyMap<string, IsoContent>
  readonly boot?: IsoBoot
  /** Unix ms of every entry, 1970 to 2155; fixed by default. */
  readonly modifiedAt?: number
}

/** Where a directory's records stand; its continuation areas follow. */
export interface DirectoryPlace {
  readonly lba: number
  readonly sizeBytes: number
}

/** A hierarchy whose parts have their places. */
export interface PlacedHierarchy {
  readonly plans: readonly DirectoryPlan[]
  readonly places: ReadonlyMap<IsoDirectory, DirectoryPlace>
  readonly pathTable: { readonly sizeBytes: number; readonly lbaL: number; readonly lbaM: number }
}

/** Where everything stands. The same options and file sizes give the same layout. */
export interface IsoLayout {
  readonly volumeId: string
  readonly modifiedAt: number
  readonly sizeBytes: number
  readonly primary: PlacedHierarchy
  readonly joliet: PlacedHierarchy
  /** In the order of their places; empty ones have none and say 0. */
  readonly files: ReadonlyMap<IsoFile, number>
  readonly catalog: { readonly lba: number; readonly entries: readonly OwnBootEntry[] } | undefined
  /** Gets a boot info table. */
  readonly patched: IsoFile | undefined
}

/** Deals out sectors from the first descriptor on. */
class Sectors {
  next = FIRST_DESCRIPTOR

  take(sizeBytes: number): number {
    const lba = this.next
    this.next += sectorsOf(sizeBytes)
    // Sector numbers have 32 bits: 8 TiB.
    if (this.next > 0xffff_ffff)
      throw isoFaults.tooLarge('an image holds at most 8 TiB; take out files')
    return lba
  }
}

function placePathTable(plans: readonly DirectoryPlan[], sectors: Sectors) {
  const sizeBytes = plans.reduce((sum, plan) => sum + pathTableRecord(plan.identifier.length), 0)
  return { sizeBytes, lbaL: sectors.take(sizeBytes), lbaM: sectors.take(sizeBytes) }
}

function placeDirectories(plans: readonly DirectoryPlan[], sectors: Sectors) {
  return new Map<IsoDirectory, DirectoryPlace>(
    plans.map(({ directory, sizeBytes, continuationBytes }) => [
      directory,
      { lba: sectors.take(sizeBytes + continuationBytes), sizeBytes },
    ]),
  )
}

/** All files below a directory, in the order of the tree. */
export function* filesOf(directory: IsoDirectory): Generator<IsoFile> {
  for (const child of directory.children) {
    if (child.kind === 'file') yield child
    else if (child.kind === 'directory') yield* filesOf(child)
  }
}

function bootFile(files: readonly IsoFile[], path: string): IsoFile {
  const file = files.find((one) => one.path === `/${path.replace(/^\//, '')}`)
  if (!file) throw isoFaults.invalid(`the boot image ${path} is not among the files; add it`)
  if (file.sizeBytes === 0) throw isoFaults.invalid(`the boot image ${path} is empty`)
  return file
}

/** Sectors that the catalog gives for an EFI image; 0, "up to the end", when 16 bits do not hold it. */
function efiSectors(sizeBytes: number): number {
  const sectors = Math.ceil(sizeBytes / VIRTUAL_SECTOR)
  return sectors > 0xffff ? 0 : sectors
}

function bootEntries(
  boot: IsoBoot,
  files: readonly IsoFile[],
  lbas: ReadonlyMap<IsoFile, number>,
): OwnBootEntry[] {
  const entries: OwnBootEntry[] = []
  const add = (platform: OwnBootEntry['platform'], file: IsoFile, sectors: number) =>
    entries.push({ platform, lba: lbas.get(file) ?? 0, sectors, bootable: true })
  if (boot.bios) {
    const file = bootFile(files, boot.bios.path)
    const usual = Math.min(SECTOR / VIRTUAL_SECTOR, Math.ceil(file.sizeBytes / VIRTUAL_SECTOR))
    add('bios', file, boot.bios.loadSectors ?? usual)
  }
  if (boot.efi) {
    const file = bootFile(files, boot.efi.path)
    add('efi', file, efiSectors(file.sizeBytes))
  }
  return entries
}

function checkOptions({ volumeId, modifiedAt = FIXED_TIME, boot }: IsoOptions): void {
  if (!/^[\x20-\x7e]{1,32}$/.test(volumeId))
    throw isoFaults.invalid(
      `${JSON.stringify(volumeId)} is no volume id; use 1 to 32 ASCII characters`,
    )
  // Years are one byte, counted from 1900 (ECMA-119 §9.1.5).
  if (!(modifiedAt >= 0 && modifiedAt < Date.UTC(2156, 0, 1)))
    throw isoFaults.invalid('the time of an image lies between 1970 and 2155; give Unix ms')
  const loadSectors = boot?.bios?.loadSectors ?? 4
  if (!Number.isInteger(loadSectors) || loadSectors < 1 || loadSectors > 0xffff)
    throw isoFaults.invalid(
      'a BIOS loads 1 to 65535 sectors of the boot image; correct loadSectors',
    )
}

/** Gives everything its place; reads nothing but the sizes of files. */
export async function planIso(options: IsoOptions): Promise<IsoLayout> {
  checkOptions(options)
  const { volumeId, boot = {}, modifiedAt = FIXED_TIME } = options
  const root = await buildTree(options.tree)
  const primary = planHierarchy(root, primaryDialect(modifiedAt))
  const joliet = planHierarchy(root, jolietDialect)
  const hasBoot = boot.bios !== undefined || boot.efi !== undefined

  const sectors = new Sectors()
  // Primary descriptor, boot record, Joliet, terminator.
  sectors.take((hasBoot ? 4 : 3) * SECTOR)
  const tables = [placePathTable(primary, sectors), placePathTable(joliet, sectors)] as const
  const places = [placeDirectories(primary, sectors), placeDirectories(joliet, sectors)] as const
  const catalogLba = sectors.take(hasBoot ? SECTOR : 0)
  const files = [...filesOf(root)]
  const fileLbas = new Map(
    files.map((file) => [file, file.sizeBytes === 0 ? 0 : sectors.take(file.sizeBytes)]),
  )
  return {
    volumeId,
    modifiedAt,
    sizeBytes: sectors.next * SECTOR,
    primary: { plans: primary, places: places[0], pathTable: tables[0] },
    joliet: { plans: joliet, places: places[1], pathTable: tables[1] },
    files: fileLbas,
    catalog: hasBoot ? { lba: catalogLba, entries: bootEntries(boot, files, fileLbas) } : undefined,
    patched: boot.bios?.bootInfoTable ? bootFile(files, boot.bios.path) : undefined,
  }
}
