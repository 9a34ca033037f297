"""What the providers on Azure share: who asks, by Microsoft Entra ID."""
