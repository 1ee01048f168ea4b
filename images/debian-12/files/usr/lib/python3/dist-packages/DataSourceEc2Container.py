"""EC2's metadata service as seen by a container.

cloud-init recognises EC2 by the firmware's tables. A container has none, and cloud-init would then neither fetch a
metadata token nor read the identity document. This source says what the image knows: the service is EC2's.
"""

from cloudinit import sources, util
from cloudinit.sources import DataSourceEc2 as ec2

# The service is known by its address. Without this, cloud-init first asks the resolver for names that do not exist, to
# find out whether it lies, and a machine whose resolver is silent gets no user data for a minute.
util._DNS_REDIRECT_IP = set()


class DataSourceEc2Container(ec2.DataSourceEc2):
    def _get_cloud_name(self):
        return ec2.CloudNames.AWS


def get_datasource_list(depends):
    needs = (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)
    return sources.list_from_depends(depends, [(DataSourceEc2Container, needs)])
