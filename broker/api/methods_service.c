/* SPDX-License-Identifier: MIT */
/* org.varlink.service: what varlinkctl and others ask a service about itself. */
#include <string.h>

#include "broker/api/api_internal.h"
#include "libbroker/proto/interface.h"

static const char service_text[] =
	"# The Varlink Service Interface is provided by every varlink service. It\n"
	"# describes the service and the interfaces it implements.\n"
	"interface org.varlink.service\n"
	"\n"
	"# Get a list of all the interfaces a service provides and information\n"
	"# about the implementation.\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"# Get the description of an interface that is implemented by this service.\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"# The requested interface was not found.\n"
	"error InterfaceNotFound (interface: string)\n"
	"\n"
	"# The requested method was not found\n"
	"error MethodNotFound (method: string)\n"
	"\n"
	"# The interface defines the requested method, but the service does not\n"
	"# implement it.\n"
	"error MethodNotImplemented (method: string)\n"
	"\n"
	"# One of the passed parameters is invalid.\n"
	"error InvalidParameter (parameter: string)\n"
	"\n"
	"# Client is denied access\n"
	"error PermissionDenied ()\n"
	"\n"
	"# Method is expected to be called with 'more' set to true, but wasn't\n"
	"error ExpectedMore ()\n";

void method_get_info(struct call *call)
{
	call_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "Idlebroker",
				   "product", "brokerd", "version", IDLEBROKER_VERSION, "url", "",
				   "interfaces", INTERFACE_NAME, "org.varlink.service"));
}

void method_get_interface_description(struct call *call)
{
	const char *name = json_string_value(json_object_get(call->params, "interface"));
	const char *text = NULL;

	if (!strcmp(name, INTERFACE_NAME))
		text = interface_text;
	else if (!strcmp(name, "org.varlink.service"))
		text = service_text;
	if (text)
		call_reply(call, json_pack("{s:s}", "description", text));
	else
		call_error(call, "org.varlink.service.InterfaceNotFound",
			   json_pack("{s:s}", "interface", name));
}
