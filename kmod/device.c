/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device node and its file: open, read, poll, mmap, close. The ioctls are in ioctl.c.
 *
 * The node is root's alone (0600) until the udev rule gives it to the group `broker`.
 */
#include "device.h"

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <linux/idlegate.h>

#include "events.h"
#include "gatepage.h"
#include "ioctl.h"
#include "roles.h"

static int node_open(struct inode *inode, struct file *file)
{
	struct gate_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->read_lock);
	f->cursor = events_now();
	file->private_data = f;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int node_release(struct inode *inode, struct file *file)
{
	struct gate_file *f = file->private_data;

	roles_close(f);
	mutex_destroy(&f->read_lock);
	kfree(f);
	return 0;
}

static __poll_t node_poll(struct file *file, struct poll_table_struct *table)
{
	struct gate_file *f = file->private_data;

	poll_wait(file, &events_wait, table);
	return events_pending(READ_ONCE(f->cursor)) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* As many whole events as fit; 0: there is none. An event that cannot be copied stays. */
static ssize_t read_some(struct gate_file *f, struct iov_iter *to)
{
	struct idlegate_event event;
	u64 cursor = f->cursor;
	ssize_t done = 0;

	while (iov_iter_count(to) >= sizeof(event) && events_next(&cursor, &event)) {
		size_t copied = copy_to_iter(&event, sizeof(event), to);

		if (copied < sizeof(event)) {
			iov_iter_revert(to, copied);
			return done ?: -EFAULT;
		}
		WRITE_ONCE(f->cursor, cursor);
		done += sizeof(event);
	}
	return done;
}

static int lock_reader(struct gate_file *f, bool wait)
{
	if (wait)
		return mutex_lock_interruptible(&f->read_lock);
	return mutex_trylock(&f->read_lock) ? 0 : -EAGAIN;
}

static ssize_t node_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct gate_file *f = iocb->ki_filp->private_data;
	bool wait = !(iocb->ki_filp->f_flags & O_NONBLOCK) && !(iocb->ki_flags & IOCB_NOWAIT);

	if (iov_iter_count(to) < sizeof(struct idlegate_event))
		return -EINVAL;
	for (;;) {
		ssize_t r = lock_reader(f, wait);

		if (r)
			return r;
		r = read_some(f, to);
		mutex_unlock(&f->read_lock);
		if (r)
			return r;
		if (!wait)
			return -EAGAIN;
		r = wait_event_interruptible(events_wait, events_pending(READ_ONCE(f->cursor)));
		if (r)
			return r;
	}
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.read_iter = node_read,
	.poll = node_poll,
	.mmap = gatepage_mmap,
	.unlocked_ioctl = gate_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "idlegate",
	.fops = &node_fops,
	.mode = 0600,
};

int device_node_init(void)
{
	return misc_register(&node);
}

void device_node_exit(void)
{
	misc_deregister(&node);
}
