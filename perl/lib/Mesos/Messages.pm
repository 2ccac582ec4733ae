package Mesos::Messages;
use 5.10.1;
use strict;
use warnings;
use Mesos::XS;
use Mesos::Message;
use Mesos::Enum;

Mesos::Message::_define_classes();

sub classes { return @{(Mesos::Message::_names())[0]} }
sub enums { return @{(Mesos::Message::_names())[1]} }

1;
__END__

=head1 NAME

Mesos::Messages - the classes of all Mesos messages

=head1 SYNOPSIS

    use Mesos::Messages;

    my $task = Mesos::TaskInfo->new({
        name      => 'sleeper',
        task_id   => { value => 'task-1' },
        slave_id  => { value => 'agent-1' },
        resources => [ { name => 'cpus', type => Mesos::Value::Type::SCALAR, scalar => { value => 0.5 } } ],
    });
    my $bytes  = $task->encode;
    my $again  = Mesos::TaskInfo->decode($bytes);
    print $again->{task_id}{value}, ' ', $again->name, "\n";

=head1 DESCRIPTION

When you load this module, it makes a Perl class for each message and each enum of Mesos 1.11, and for those of older releases that newer
ones have dropped.

A class is named after its message, with C<Mesos::> in front: C<mesos.TaskInfo> is C<Mesos::TaskInfo>, and a message inside it is
C<Mesos::TaskInfo::LimitsEntry>. The messages of C<scheduler.proto> and C<executor.proto> are below C<Mesos::Scheduler> and
C<Mesos::Executor>, for example C<Mesos::Scheduler::Call>. (L<Mesos::Scheduler> and L<Mesos::Executor> themselves are not messages, but the
base classes of callbacks.)

L<Mesos::Message> describes the methods of message classes, and L<Mesos::Enum> the constants of enums. The names of fields are those of
the v0 API (C<slave_id>, not C<agent_id>).

If a class exists already when you load this module (it has a method C<_pb_fields_list>), the module leaves it as it is.

=head2 Pages

Each class has a page with its fields or constants: C<perldoc Mesos::TaskInfo>. You will need these first: L<Mesos::FrameworkInfo>,
L<Mesos::Offer>, L<Mesos::Resource>, L<Mesos::TaskInfo>, L<Mesos::CommandInfo>, L<Mesos::ExecutorInfo>, L<Mesos::TaskStatus>,
L<Mesos::TaskState> and L<Mesos::Filters>.

=for comment made by xt/message_pages.t

=over 4

=item Messages of frameworks and agents

=for man .na

L<Mesos::ACL>, L<Mesos::ACL::Entity>, L<Mesos::ACL::RegisterFramework>, L<Mesos::ACL::RunTask>, L<Mesos::ACL::ShutdownFramework>,
L<Mesos::ACLs>, L<Mesos::Address>, L<Mesos::Attribute>, L<Mesos::CSIPluginContainerInfo>, L<Mesos::CSIPluginEndpoint>,
L<Mesos::CSIPluginInfo>, L<Mesos::CapabilityInfo>, L<Mesos::CgroupInfo>, L<Mesos::CgroupInfo::Blkio>, L<Mesos::CgroupInfo::Blkio::CFQ>,
L<Mesos::CgroupInfo::Blkio::CFQ::Statistics>, L<Mesos::CgroupInfo::Blkio::Statistics>, L<Mesos::CgroupInfo::Blkio::Throttling>,
L<Mesos::CgroupInfo::Blkio::Throttling::Statistics>, L<Mesos::CgroupInfo::Blkio::Value>, L<Mesos::CgroupInfo::NetCls>, L<Mesos::CheckInfo>,
L<Mesos::CheckInfo::Command>, L<Mesos::CheckInfo::Http>, L<Mesos::CheckInfo::Tcp>, L<Mesos::CheckStatusInfo>,
L<Mesos::CheckStatusInfo::Command>, L<Mesos::CheckStatusInfo::Http>, L<Mesos::CheckStatusInfo::Tcp>, L<Mesos::CommandInfo>,
L<Mesos::CommandInfo::ContainerInfo>, L<Mesos::CommandInfo::URI>, L<Mesos::ContainerID>, L<Mesos::ContainerInfo>,
L<Mesos::ContainerInfo::DockerInfo>, L<Mesos::ContainerInfo::DockerInfo::PortMapping>, L<Mesos::ContainerInfo::MesosInfo>,
L<Mesos::ContainerStatus>, L<Mesos::Credential>, L<Mesos::Credentials>, L<Mesos::Device>, L<Mesos::Device::Number>, L<Mesos::DeviceAccess>,
L<Mesos::DeviceAccess::Access>, L<Mesos::DeviceWhitelist>, L<Mesos::DiscoveryInfo>, L<Mesos::DiskStatistics>, L<Mesos::DomainInfo>,
L<Mesos::DomainInfo::FaultDomain>, L<Mesos::DomainInfo::FaultDomain::RegionInfo>, L<Mesos::DomainInfo::FaultDomain::ZoneInfo>,
L<Mesos::DrainConfig>, L<Mesos::DrainInfo>, L<Mesos::DurationInfo>, L<Mesos::Environment>, L<Mesos::Environment::Variable>,
L<Mesos::ExecutorID>, L<Mesos::ExecutorInfo>, L<Mesos::FileInfo>, L<Mesos::Filters>, L<Mesos::Flag>, L<Mesos::FrameworkID>,
L<Mesos::FrameworkInfo>, L<Mesos::FrameworkInfo::Capability>, L<Mesos::FrameworkInfo::OfferFiltersEntry>, L<Mesos::HealthCheck>,
L<Mesos::HealthCheck::HTTP>, L<Mesos::HealthCheck::HTTPCheckInfo>, L<Mesos::HealthCheck::TCPCheckInfo>, L<Mesos::IcmpStatistics>,
L<Mesos::Image>, L<Mesos::Image::Appc>, L<Mesos::Image::Docker>, L<Mesos::InverseOffer>, L<Mesos::IpStatistics>, L<Mesos::KillPolicy>,
L<Mesos::Label>, L<Mesos::Labels>, L<Mesos::LinuxInfo>, L<Mesos::MachineID>, L<Mesos::MachineInfo>, L<Mesos::MasterInfo>,
L<Mesos::MasterInfo::Capability>, L<Mesos::Metric>, L<Mesos::MountPropagation>, L<Mesos::NetworkInfo>, L<Mesos::NetworkInfo::IPAddress>,
L<Mesos::NetworkInfo::PortMapping>, L<Mesos::Offer>, L<Mesos::Offer::Operation>, L<Mesos::Offer::Operation::Create>,
L<Mesos::Offer::Operation::CreateDisk>, L<Mesos::Offer::Operation::Destroy>, L<Mesos::Offer::Operation::DestroyDisk>,
L<Mesos::Offer::Operation::GrowVolume>, L<Mesos::Offer::Operation::Launch>, L<Mesos::Offer::Operation::LaunchGroup>,
L<Mesos::Offer::Operation::Reserve>, L<Mesos::Offer::Operation::ShrinkVolume>, L<Mesos::Offer::Operation::Unreserve>,
L<Mesos::OfferFilters>, L<Mesos::OfferFilters::MinAllocatableResources>, L<Mesos::OfferFilters::ResourceQuantities>,
L<Mesos::OfferFilters::ResourceQuantities::QuantitiesEntry>, L<Mesos::OfferID>, L<Mesos::Operation>, L<Mesos::OperationID>,
L<Mesos::OperationStatus>, L<Mesos::Parameter>, L<Mesos::Parameters>, L<Mesos::PerfStatistics>, L<Mesos::Port>, L<Mesos::Ports>,
L<Mesos::RLimitInfo>, L<Mesos::RLimitInfo::RLimit>, L<Mesos::RateLimit>, L<Mesos::RateLimits>, L<Mesos::Request>, L<Mesos::Resource>,
L<Mesos::Resource::AllocationInfo>, L<Mesos::Resource::DiskInfo>, L<Mesos::Resource::DiskInfo::Persistence>,
L<Mesos::Resource::DiskInfo::Source>, L<Mesos::Resource::DiskInfo::Source::Mount>, L<Mesos::Resource::DiskInfo::Source::Path>,
L<Mesos::Resource::ReservationInfo>, L<Mesos::Resource::RevocableInfo>, L<Mesos::Resource::SharedInfo>, L<Mesos::ResourceProviderID>,
L<Mesos::ResourceProviderInfo>, L<Mesos::ResourceProviderInfo::Storage>, L<Mesos::ResourceStatistics>,
L<Mesos::ResourceStatistics::RatePercentiles>, L<Mesos::ResourceStatistics::RateStatistics>, L<Mesos::ResourceUsage>,
L<Mesos::ResourceUsage::Executor>, L<Mesos::ResourceUsage::Executor::Task>, L<Mesos::Role>, L<Mesos::SNMPStatistics>, L<Mesos::SeccompInfo>,
L<Mesos::Secret>, L<Mesos::Secret::Reference>, L<Mesos::Secret::Value>, L<Mesos::SlaveID>, L<Mesos::SlaveInfo>,
L<Mesos::SlaveInfo::Capability>, L<Mesos::TTYInfo>, L<Mesos::TTYInfo::WindowSize>, L<Mesos::Task>, L<Mesos::Task::LimitsEntry>,
L<Mesos::TaskGroupInfo>, L<Mesos::TaskID>, L<Mesos::TaskInfo>, L<Mesos::TaskInfo::LimitsEntry>, L<Mesos::TaskResourceLimitation>,
L<Mesos::TaskStatus>, L<Mesos::TcpStatistics>, L<Mesos::TimeInfo>, L<Mesos::TrafficControlStatistics>, L<Mesos::URL>, L<Mesos::UUID>,
L<Mesos::UdpStatistics>, L<Mesos::Unavailability>, L<Mesos::Value>, L<Mesos::Value::Range>, L<Mesos::Value::Ranges>,
L<Mesos::Value::Scalar>, L<Mesos::Value::Set>, L<Mesos::Value::Text>, L<Mesos::VersionInfo>, L<Mesos::Volume>, L<Mesos::Volume::Source>,
L<Mesos::Volume::Source::CSIVolume>, L<Mesos::Volume::Source::CSIVolume::StaticProvisioning>,
L<Mesos::Volume::Source::CSIVolume::StaticProvisioning::NodePublishSecretsEntry>,
L<Mesos::Volume::Source::CSIVolume::StaticProvisioning::NodeStageSecretsEntry>,
L<Mesos::Volume::Source::CSIVolume::StaticProvisioning::VolumeContextEntry>, L<Mesos::Volume::Source::CSIVolume::VolumeCapability>,
L<Mesos::Volume::Source::CSIVolume::VolumeCapability::AccessMode>, L<Mesos::Volume::Source::CSIVolume::VolumeCapability::BlockVolume>,
L<Mesos::Volume::Source::CSIVolume::VolumeCapability::MountVolume>, L<Mesos::Volume::Source::DockerVolume>,
L<Mesos::Volume::Source::HostPath>, L<Mesos::Volume::Source::SandboxPath>, L<Mesos::WeightInfo>

=item Enums of these

=for man .na

L<Mesos::ACL::Entity::Type>, L<Mesos::CSIPluginContainerInfo::Service>, L<Mesos::CapabilityInfo::Capability>,
L<Mesos::CgroupInfo::Blkio::Operation>, L<Mesos::CheckInfo::Type>, L<Mesos::ContainerInfo::DockerInfo::Network>,
L<Mesos::ContainerInfo::Type>, L<Mesos::DiscoveryInfo::Visibility>, L<Mesos::DrainState>, L<Mesos::Environment::Variable::Type>,
L<Mesos::ExecutorInfo::Type>, L<Mesos::FrameworkInfo::Capability::Type>, L<Mesos::HealthCheck::Type>, L<Mesos::Image::Type>,
L<Mesos::LinuxInfo::IpcMode>, L<Mesos::MachineInfo::Mode>, L<Mesos::MasterInfo::Capability::Type>, L<Mesos::MountPropagation::Mode>,
L<Mesos::NetworkInfo::Protocol>, L<Mesos::Offer::Operation::Type>, L<Mesos::OperationState>, L<Mesos::RLimitInfo::RLimit::Type>,
L<Mesos::Resource::DiskInfo::Source::Type>, L<Mesos::Resource::ReservationInfo::Type>, L<Mesos::Secret::Type>,
L<Mesos::SlaveInfo::Capability::Type>, L<Mesos::Status>, L<Mesos::TaskState>, L<Mesos::TaskStatus::Reason>, L<Mesos::TaskStatus::Source>,
L<Mesos::Value::Type>, L<Mesos::Volume::Mode>, L<Mesos::Volume::Source::CSIVolume::VolumeCapability::AccessMode::Mode>,
L<Mesos::Volume::Source::SandboxPath::Type>, L<Mesos::Volume::Source::Type>

=item Messages of the scheduler API

=for man .na

L<Mesos::Scheduler::AttributeConstraint>, L<Mesos::Scheduler::AttributeConstraint::Predicate>,
L<Mesos::Scheduler::AttributeConstraint::Predicate::Exists>, L<Mesos::Scheduler::AttributeConstraint::Predicate::NotExists>,
L<Mesos::Scheduler::AttributeConstraint::Predicate::TextEquals>, L<Mesos::Scheduler::AttributeConstraint::Predicate::TextMatches>,
L<Mesos::Scheduler::AttributeConstraint::Predicate::TextNotEquals>, L<Mesos::Scheduler::AttributeConstraint::Predicate::TextNotMatches>,
L<Mesos::Scheduler::AttributeConstraint::Selector>, L<Mesos::Scheduler::Call>, L<Mesos::Scheduler::Call::Accept>,
L<Mesos::Scheduler::Call::AcceptInverseOffers>, L<Mesos::Scheduler::Call::Acknowledge>,
L<Mesos::Scheduler::Call::AcknowledgeOperationStatus>, L<Mesos::Scheduler::Call::Decline>, L<Mesos::Scheduler::Call::DeclineInverseOffers>,
L<Mesos::Scheduler::Call::Kill>, L<Mesos::Scheduler::Call::Launch>, L<Mesos::Scheduler::Call::Message>,
L<Mesos::Scheduler::Call::Reconcile>, L<Mesos::Scheduler::Call::Reconcile::Task>, L<Mesos::Scheduler::Call::ReconcileOperations>,
L<Mesos::Scheduler::Call::ReconcileOperations::Operation>, L<Mesos::Scheduler::Call::Request>, L<Mesos::Scheduler::Call::Revive>,
L<Mesos::Scheduler::Call::Shutdown>, L<Mesos::Scheduler::Call::Subscribe>, L<Mesos::Scheduler::Call::Suppress>,
L<Mesos::Scheduler::Call::UpdateFramework>, L<Mesos::Scheduler::Event>, L<Mesos::Scheduler::Event::Error>,
L<Mesos::Scheduler::Event::Failure>, L<Mesos::Scheduler::Event::InverseOffers>, L<Mesos::Scheduler::Event::Message>,
L<Mesos::Scheduler::Event::Offers>, L<Mesos::Scheduler::Event::Registered>, L<Mesos::Scheduler::Event::Reregistered>,
L<Mesos::Scheduler::Event::Rescind>, L<Mesos::Scheduler::Event::RescindInverseOffer>, L<Mesos::Scheduler::Event::Subscribed>,
L<Mesos::Scheduler::Event::Update>, L<Mesos::Scheduler::Event::UpdateOperationStatus>, L<Mesos::Scheduler::OfferConstraints>,
L<Mesos::Scheduler::OfferConstraints::RoleConstraints>, L<Mesos::Scheduler::OfferConstraints::RoleConstraints::Group>,
L<Mesos::Scheduler::OfferConstraints::RoleConstraintsEntry>, L<Mesos::Scheduler::Response>,
L<Mesos::Scheduler::Response::ReconcileOperations>

=item Enums of the scheduler API

=for man .na

L<Mesos::Scheduler::AttributeConstraint::Selector::PseudoattributeType>, L<Mesos::Scheduler::Call::Type>, L<Mesos::Scheduler::Event::Type>,
L<Mesos::Scheduler::Response::Type>

=item Messages of the executor API

=for man .na

L<Mesos::Executor::Call>, L<Mesos::Executor::Call::Message>, L<Mesos::Executor::Call::Subscribe>, L<Mesos::Executor::Call::Update>,
L<Mesos::Executor::Event>, L<Mesos::Executor::Event::Acknowledged>, L<Mesos::Executor::Event::Error>, L<Mesos::Executor::Event::Kill>,
L<Mesos::Executor::Event::Launch>, L<Mesos::Executor::Event::LaunchGroup>, L<Mesos::Executor::Event::Message>,
L<Mesos::Executor::Event::Subscribed>

=item Enums of the executor API

=for man .na

L<Mesos::Executor::Call::Type>, L<Mesos::Executor::Event::Type>

=back

=for comment end of what is made

=head2 Particular names

=over 4

=item C<Mesos::HealthCheck::HTTP>

The message of Mesos before 1.4, for programs that make one. C<decode> makes a C<Mesos::HealthCheck::HTTPCheckInfo> of the field C<http> of
C<Mesos::HealthCheck>. Both have the same bytes.

=item Map fields

A map, such as C<limits> of C<Mesos::TaskInfo>, may be given as a hash: C<< limits => { cpus => { value => 1 } } >>. It is decoded as an
array of entries with C<key> and C<value>, objects of an C<...Entry> class, or as a hash with the option C<maps> (see
L<Mesos::Message/decode>).

=back

=head1 FUNCTIONS

The module exports none of them.

=head2 classes

    my @names = Mesos::Messages::classes();

Returns the names of all message classes.

=head2 enums

    my @names = Mesos::Messages::enums();

Returns the names of all enums.

=head1 SEE ALSO

L<Mesos::Message>, L<Mesos::Enum>

=cut
