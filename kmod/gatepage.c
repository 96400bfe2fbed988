/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page, and mapping it.
 *
 * There is one writer at a time (under the host's lock) and any number of readers in user space,
 * who use the sequence count as the uAPI header says. In the kernel only `holds` is read.
 *
 * A mapping does not hold the file that it was made with, but a file without a role of its own:
 * else an owner's child that inherits the mapping would keep its dead parent's gate hosted.
 */
#include "gatepage.h"

#include <linux/anon_inodes.h>
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "compat/compat.h"
#include "core/gate.h"

static struct page *gatepage;

static const struct file_operations gatepage_fops = {
	.owner = THIS_MODULE,
};

static struct idlegate_page *shown(void)
{
	return page_address(gatepage);
}

int gatepage_init(void)
{
	static_assert(sizeof(struct idlegate_page) <= IDLEGATE_PAGE_SIZE);
	static_assert(IDLEGATE_PAGE_SIZE <= PAGE_SIZE);

	gatepage = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!gatepage)
		return -ENOMEM;
	shown()->magic = IDLEGATE_PAGE_MAGIC;
	shown()->version = IDLEGATE_PAGE_VERSION;
	gatepage_publish(NULL, ktime_get_ns());
	return 0;
}

/* The module stays while anything is mapped, so this is the last reference. */
void gatepage_exit(void)
{
	__free_page(gatepage);
}

void gatepage_publish(const struct gate *gate, u64 now_ns)
{
	struct idlegate_page *p = shown();
	u32 seq = p->seq;

	WRITE_ONCE(p->seq, seq + 1);
	smp_wmb(); /* a reader that sees a new field sees the odd count */
	WRITE_ONCE(p->holds, gate ? gate->holds : IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	WRITE_ONCE(p->changed_ns, gate ? gate->changed_ns : now_ns);
	WRITE_ONCE(p->input_ns, gate ? gate->input_ns : 0);
	WRITE_ONCE(p->closes, gate ? gate->closes : 0);
	WRITE_ONCE(p->opens, gate ? gate->opens : 0);
	WRITE_ONCE(p->facts, gate ? gate->facts : 0);
	smp_wmb(); /* a reader that sees the even count sees the new fields */
	WRITE_ONCE(p->seq, seq + 2);
}

u32 gatepage_holds(void)
{
	return READ_ONCE(shown()->holds);
}

int gatepage_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct file *keeper;
	int r;

	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	keeper = anon_inode_getfile("[idlegate]", &gatepage_fops, NULL, O_RDONLY);
	if (IS_ERR(keeper))
		return PTR_ERR(keeper);
	compat_vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	compat_vm_flags_set(vma, VM_DONTEXPAND);
	r = vm_insert_page(vma, vma->vm_start, gatepage);
	if (!r)
		vma_set_file(vma, keeper);
	fput(keeper);
	return r;
}
